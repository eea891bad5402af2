// Which kinds of file there are: what an open file can do depends on them.

import { initBlockDevices } from "./block_device";
import { initBlockFiles } from "./block_file";
import { initCharacterDevices } from "./character_devices";
import { initDevices } from "./device_numbers";
import { initEpoll } from "./epoll";
import { initEventfds } from "./eventfd";
import { initInotify } from "./inotify";
import { initPipes } from "./pipe";
import { initRegularFiles } from "./regular_file";
import { initSockets } from "./socket_file";
import { initStandardStreams } from "./standard_streams";
import { initTimerfds } from "./timerfd";

/** Must be called before a file is opened. False when memory is out. */
export function initFileKinds(): bool {
  initRegularFiles();
  initDevices();
  initCharacterDevices();
  initBlockDevices();
  initBlockFiles();
  initPipes();
  initEventfds();
  initTimerfds();
  initSockets();
  initInotify();
  initEpoll();
  return initStandardStreams();
}
