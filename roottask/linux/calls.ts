// Which system calls there are: one line each, numbers from arch/x86/entry/syscalls/syscall_64.tbl.

import * as files from "./files";
import * as identity from "./identity";
import * as mapping from "./memory";
import * as paths from "./paths";
import * as signals from "./signals";
import { on } from "./table";
import * as threads from "./threads";
import * as time from "./time";

function fileCalls(): void {
  on(0, files.sysRead);
  on(1, files.sysWrite);
  on(3, files.sysClose);
  on(7, files.sysPoll);
  on(8, files.sysLseek);
  on(16, files.sysIoctl);
  on(17, files.sysPread);
  on(18, files.sysPwrite);
  on(19, files.sysReadv);
  on(20, files.sysWritev);
  on(23, files.sysSelect);
  on(32, files.sysDup);
  on(33, files.sysDup2);
  on(40, files.sysSendfile);
  on(72, files.sysFcntl);
  on(73, files.sysNothing);
  on(74, files.sysNothing);
  on(75, files.sysNothing);
  on(77, files.sysFtruncate);
  on(221, files.sysNothing);
  on(270, files.sysPselect);
  on(271, files.sysPpoll);
  on(292, files.sysDup3);
  on(295, files.sysPreadv);
  on(296, files.sysPwritev);
  on(306, files.sysNothing);
  on(326, files.sysCopyFileRange);
  on(327, files.sysPreadv2);
  on(328, files.sysPwritev2);
  on(436, files.sysCloseRange);
}

function pathCalls(): void {
  on(2, paths.sysOpen);
  on(4, paths.sysStat);
  on(5, paths.sysFstat);
  on(6, paths.sysLstat);
  on(21, paths.sysAccess);
  on(76, paths.sysTruncate);
  on(79, paths.sysGetcwd);
  on(80, paths.sysChdir);
  on(81, paths.sysFchdir);
  on(82, paths.sysRename);
  on(83, paths.sysMkdir);
  on(84, paths.sysRmdir);
  on(85, paths.sysCreat);
  on(86, paths.sysNotPermitted);
  on(87, paths.sysUnlink);
  on(88, paths.sysSymlink);
  on(89, paths.sysReadlink);
  on(90, paths.sysChmod);
  on(91, paths.sysFchmod);
  on(92, paths.sysChown);
  on(94, paths.sysChown);
  on(95, paths.sysUmask);
  on(133, paths.sysNotPermitted);
  on(137, paths.sysStatfs);
  on(138, paths.sysFstatfs);
  on(217, paths.sysGetdents64);
  on(257, paths.sysOpenat);
  on(258, paths.sysMkdirat);
  on(259, paths.sysNotPermitted);
  on(260, paths.sysFchownat);
  on(262, paths.sysNewfstatat);
  on(263, paths.sysUnlinkat);
  on(264, paths.sysRenameat);
  on(265, paths.sysNotPermitted);
  on(266, paths.sysSymlinkat);
  on(267, paths.sysReadlinkat);
  on(268, paths.sysFchmodat);
  on(269, paths.sysFaccessat);
  on(280, paths.sysUtimensat);
  on(316, paths.sysRenameat2);
  on(332, paths.sysStatx);
  on(439, paths.sysFaccessat);
}

function memoryCalls(): void {
  on(9, mapping.sysMmap);
  on(10, mapping.sysMprotect);
  on(11, mapping.sysMunmap);
  on(12, mapping.sysBrk);
  on(25, mapping.sysMremap);
  on(28, mapping.sysMadvise);
  on(26, identity.sysZero);
  on(149, identity.sysZero);
  on(150, identity.sysZero);
}

function signalCalls(): void {
  on(13, signals.sysSigaction);
  on(14, signals.sysSigprocmask);
  on(15, signals.sysSigreturn);
  on(34, signals.sysSigsuspend);
  on(62, signals.sysKill);
  on(127, signals.sysSigpending);
  on(130, signals.sysSigsuspend);
  on(131, signals.sysSigaltstack);
  on(200, signals.sysTkill);
  on(234, signals.sysTgkill);
}

function timeCalls(): void {
  on(35, time.sysNanosleep);
  on(96, time.sysGettimeofday);
  on(100, time.sysTimes);
  on(201, time.sysTime);
  on(228, time.sysClockGettime);
  on(229, time.sysClockGetres);
  on(230, time.sysClockNanosleep);
}

function identityCalls(): void {
  on(24, threads.sysSchedYield);
  on(56, threads.sysClone);
  on(435, identity.sysAbsent);
  on(39, identity.sysGetpid);
  on(60, threads.sysExit);
  on(61, identity.sysNoChild);
  on(63, identity.sysUname);
  on(97, identity.sysGetrlimit);
  on(98, identity.sysGetrusage);
  on(99, identity.sysSysinfo);
  on(102, identity.sysZero);
  on(104, identity.sysZero);
  on(107, identity.sysZero);
  on(108, identity.sysZero);
  on(105, identity.sysBecomeRoot);
  on(106, identity.sysBecomeRoot);
  on(109, identity.sysZero);
  on(110, identity.sysZero);
  on(111, identity.sysGetpid);
  on(112, identity.sysGetpid);
  on(113, identity.sysBecomeRoot);
  on(114, identity.sysBecomeRoot);
  on(115, identity.sysZero);
  on(118, identity.sysGetres);
  on(120, identity.sysGetres);
  on(121, identity.sysGetpid);
  on(124, identity.sysGetpid);
  on(135, identity.sysZero);
  on(140, identity.sysGetpriority);
  on(141, identity.sysZero);
  on(145, identity.sysZero);
  on(157, identity.sysPrctl);
  on(158, identity.sysArchPrctl);
  on(186, identity.sysGettid);
  on(202, threads.sysFutex);
  on(162, identity.sysZero);
  on(203, identity.sysZero);
  on(204, identity.sysSchedGetaffinity);
  on(218, identity.sysSetTidAddress);
  on(231, identity.sysExitGroup);
  on(247, identity.sysNoChild);
  on(273, identity.sysZero);
  on(302, identity.sysPrlimit);
  on(309, identity.sysGetcpu);
  on(318, identity.sysGetrandom);
  on(334, identity.sysAbsent);
}

/** Fills the table. */
export function enterCalls(): void {
  fileCalls();
  pathCalls();
  memoryCalls();
  signalCalls();
  timeCalls();
  identityCalls();
}
