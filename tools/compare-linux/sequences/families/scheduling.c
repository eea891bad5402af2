// Policies, priorities, nice values and processors, by root and by a user.
#include "../sequence.h"
#include <sched.h>
#include <sys/resource.h>

struct attributes { uint32_t size, policy; uint64_t flags; int32_t nice; uint32_t priority; uint64_t runtime, deadline, period; uint32_t clamp[2]; };

static void begin(void) {
  if (draw(2)) CALL(setresuid, 1000, 1000, 1000);
}

static void step(void) {
  long policy = ONE(0, 0, 1, 2, 3, 5, 4, 8, -1, 1 << 30, 3 | (1 << 30)), pid = draw(10) ? ONE(0, 0, getpid()) : ONE(-1, 1 << 22), result;
  int priority = (int)ONE(0, 0, 1, 50, 99, 100, -1);
  struct attributes attributes;
  memset(&attributes, 0, sizeof attributes);
  switch (draw(14)) {
  case 0: case 1: return tell("setscheduler %ld %d = %ld", policy, priority, CALL(sched_setscheduler, pid, policy, spoiled(&priority)));
  case 2: return tell("getscheduler = %ld", CALL(sched_getscheduler, pid));
  case 3: return tell("setparam %d = %ld", priority, CALL(sched_setparam, pid, spoiled(&priority)));
  case 4: result = CALL(sched_getparam, pid, spoiled(&priority)); return tell("getparam = %ld %d", result, priority);
  case 5: return tell("max %ld = %ld", policy, CALL(sched_get_priority_max, policy));
  case 6: return tell("min %ld = %ld", policy, CALL(sched_get_priority_min, policy));
  case 7: { struct timespec slice; result = CALL(sched_rr_get_interval, pid, spoiled(&slice)); return tell("interval = %ld", result); }
  case 8: case 9: {
    attributes.size = (uint32_t)ONE(48, 48, 48, 56, 0, 47, 5000), attributes.policy = (uint32_t)ONE(0, 0, 1, 2, 3, 5, 8, -1), attributes.nice = (int)ONE(0, 5, 19, -5, -20, 30, -30), attributes.priority = (uint32_t)ONE(0, 0, 1, 99, 100), attributes.flags = draw(8) ? 0 : ONE(1, 8, 1 << 20);
    memcpy(buffer, &attributes, sizeof attributes), memset(buffer + sizeof attributes, 0, 6000);
    result = CALL(sched_setattr, pid, spoiled(buffer), draw(20) == 0);
    return tell("setattr %u %u %d %u %lx = %ld", attributes.size, attributes.policy, attributes.nice, attributes.priority, (long)attributes.flags, result);
  }
  case 10: {
    long size = ONE(56, 48, 47, 100, 5000);
    memset(buffer, 0, 6000);
    result = CALL(sched_getattr, pid, spoiled(buffer), size, draw(20) == 0);
    memcpy(&attributes, buffer, 48);
    return tell("getattr %ld = %ld %u %u %lx %d %u", size, result, attributes.size, attributes.policy, (long)attributes.flags, attributes.nice, attributes.priority);
  }
  case 11: {
    long which = ONE(PRIO_PROCESS, PRIO_PROCESS, PRIO_PGRP, 3, -1), value = ONE(-30, -20, -5, 0, 5, 10, 19, 30);
    if (which == PRIO_PGRP) pid = 1 << 22;
    if (draw(2)) return tell("setpriority %ld %ld = %ld", which, value, CALL(setpriority, which, pid, value));
    return tell("getpriority %ld = %ld", which, CALL(getpriority, which, pid));
  }
  case 12: {
    long which = ONE(1, 1, 0, 4), value = ONE(0, 4, 1 << 13 | 4, 2 << 13 | 4, 2 << 13 | 7, 3 << 13, 3 << 13 | 1, 4 << 13);
    if (draw(2)) return tell("ioprio_set %ld %lx = %ld", which, value, CALL(ioprio_set, which, pid, value));
    return tell("ioprio_get %ld = %lx", which, CALL(ioprio_get, which, pid));
  }
  default: {
    unsigned long set[2] = {ONE(1, 1, 0), 0};
    long size = ONE(8, 16, 4, 0, 1);
    if (draw(2)) return tell("setaffinity %lx %ld = %ld", set[0], size, CALL(sched_setaffinity, pid, size < 8 ? 8 : size, spoiled(set)));
    result = CALL(sched_getaffinity, pid, size == 4 || size == 1 ? 9 : size, spoiled(set));
    return tell("getaffinity %ld = %d", size, result > 0 ? 1 : (int)result);
  }
  }
}

const struct family scheduling_family = {"scheduling", begin, step, 0};
