// Error numbers of WASI preview 1 (`errno`), and those of Linux for x86-64 (include/uapi/asm-generic/errno.h) as
// such.

export const SUCCESS: i32 = 0;
export const E2BIG: i32 = 1;
export const EBADF: i32 = 8;
export const EINVAL: i32 = 28;
export const EISDIR: i32 = 31;
export const ELOOP: i32 = 32;
export const ENAMETOOLONG: i32 = 37;
export const ENOBUFS: i32 = 42;
export const ENOENT: i32 = 44;
export const ENOSYS: i32 = 52;
export const ENOTDIR: i32 = 54;
export const ENOTSUP: i32 = 58;
export const EOVERFLOW: i32 = 61;
export const EPERM: i32 = 63;
export const ENOTCAPABLE: i32 = 76;

/**
 * The table by Linux number, eight to a word, the lowest number in the lowest byte. Numbers that WASI has no name
 * for are ENOSYS, as in libuv's implementation.
 */
function word(index: i64): u64 {
  switch (<i32>index) {
    case 0: // ok EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG
      return 0x01_3c_1d_1b_47_2c_3f_00;
    case 1: // ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT -
      return 0x34_15_02_30_06_0c_08_2d;
    case 2: // EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE
      return 0x29_1c_1f_36_2b_4b_14_0a;
    case 3: // EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK
      return 0x22_45_46_33_16_4a_3b_21;
    case 4: // EPIPE EDOM ERANGE EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY
      return 0x37_34_2e_25_10_44_12_40;
    case 5: // ELOOP - ENOMSG EIDRM - - - -
      return 0x34_34_34_34_18_31_34_20;
    case 8: // 64: - - - ENOLINK - - - EPROTO
      return 0x41_34_34_34_2f_34_34_34;
    case 9: // 72: EMULTIHOP - EBADMSG EOVERFLOW - - - -
      return 0x34_34_34_34_3d_09_34_24;
    case 10: // 80: - - - - EILSEQ - - -
      return 0x34_34_34_19_34_34_34_34;
    case 11: // 88: ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT - EOPNOTSUPP
      return 0x3a_34_42_32_43_23_11_39;
    case 12: // 96: - EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED
      return 0x0d_27_28_26_04_03_05_34;
    case 13: // 104: ECONNRESET ENOBUFS EISCONN ENOTCONN - - ETIMEDOUT ECONNREFUSED
      return 0x0e_49_34_34_35_1e_2a_0f;
    case 14: // 112: - EHOSTUNREACH EALREADY EINPROGRESS ESTALE - - -
      return 0x34_34_34_48_1a_07_17_34;
    case 15: // 120: - - EDQUOT - - ECANCELED - -
      return 0x34_34_0b_34_34_13_34_34;
    case 16: // 128: - - EOWNERDEAD ENOTRECOVERABLE - - - -
      return 0x34_34_34_34_38_3e_34_34;
  }
  return 0x34_34_34_34_34_34_34_34;
}

/** The error of a system call's result; 0 where it is none. */
export function errorOf(result: i64): i32 {
  if (result >= 0) return SUCCESS;
  const number = -result;
  return <i32>(word(number >> 3) >> ((number & 7) << 3)) & 0xff;
}
