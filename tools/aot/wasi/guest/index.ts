// What programs import from `wasi_snapshot_preview1`, by Linux system calls
// (github.com/WebAssembly/WASI, legacy/preview1/docs.md). Everything of the layer's own lies outside of linear
// memory, and every pointer and length is checked before it is used. Where the specification leaves a choice,
// Node's implementation is followed; docs/toolchain.md says where not.

export { args_get, args_sizes_get, environ_get, environ_sizes_get } from "./arguments";
export { fd_close, fd_renumber } from "./descriptors";
export { fd_readdir } from "./directories";
export {
  fd_advise,
  fd_allocate,
  fd_datasync,
  fd_fdstat_get,
  fd_fdstat_set_flags,
  fd_fdstat_set_rights,
  fd_filestat_get,
  fd_filestat_set_size,
  fd_filestat_set_times,
  fd_pread,
  fd_prestat_dir_name,
  fd_prestat_get,
  fd_pwrite,
  fd_read,
  fd_seek,
  fd_sync,
  fd_tell,
  fd_write,
} from "./files";
export {
  path_create_directory,
  path_filestat_get,
  path_filestat_set_times,
  path_link,
  path_open,
  path_readlink,
  path_remove_directory,
  path_rename,
  path_symlink,
  path_unlink_file,
} from "./paths";
export { poll_oneoff } from "./poll";
export {
  clock_res_get,
  clock_time_get,
  proc_exit,
  proc_raise,
  random_get,
  sched_yield,
  sock_accept,
  sock_recv,
  sock_send,
  sock_shutdown,
} from "./process";
