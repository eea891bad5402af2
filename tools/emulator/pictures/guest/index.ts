// What keeps, packs and unpacks pictures, for both sides of a stream of them.

export { pack } from "./pack";
export { box, take } from "./take";
export { unpack } from "./unpack";
