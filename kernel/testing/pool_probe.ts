// Where the kernel's pool is, as a module for tests.

export { setBootInfo } from "../boot_info";
export { choosePool, modulesAreUsable, poolEnd, poolStart } from "../pool";
