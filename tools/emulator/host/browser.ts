// Shows an address in the default browser, where there is one to be seen.

/** Whether a person sits before the screen of this host. */
function hasDesktop(): boolean {
  const { env, platform } = process;
  if (!process.stderr.isTTY || env.CI !== undefined || env.SSH_CONNECTION !== undefined)
    return false;
  if (platform === "win32" || platform === "darwin") return true;
  return env.DISPLAY !== undefined || env.WAYLAND_DISPLAY !== undefined;
}

/** Opens `url` if there is a desktop; what goes wrong is the browser's business: the address is printed anyway. */
export async function showInBrowser(url: string): Promise<void> {
  if (!hasDesktop()) return;
  const { default: open } = await import("open");
  const child = await open(url).catch(() => undefined);
  child?.on("error", () => {});
}
