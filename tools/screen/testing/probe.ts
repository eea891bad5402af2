// The text screen as a module for tests.

export { isFramebuffer } from "../guest/framebuffer";
export {
  clearScreen,
  flushScreen,
  moveOnScreen,
  openPixelScreen,
  openVgaScreen,
  putByteOnScreen,
  putOnScreen,
  screenColumns,
  screenCursor,
  screenRows,
  setScreenColor,
} from "../guest/text_screen";

/** Where a test puts descriptions and texts. */
export function scratch(): usize {
  return memory.data(256);
}
