// Keys and keyrings: adding, finding, describing, linking and taking away, whose they are, and what is refused. Hosts may
// forbid the calls, so what Linux 6.1 says is written down.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char buffer[40000];

static long keyctl(int operation, long a, long b, long c, long d) {
  return syscall(SYS_keyctl, operation, a, b, c, d);
}

static long add(const char *type, const char *name, const void *payload, size_t length, int ring) {
  return syscall(SYS_add_key, type, name, payload, length, ring);
}

static long want(const char *type, const char *name, const char *callout, int ring) {
  return syscall(SYS_request_key, type, name, callout, ring);
}

static long said(const char *what, long result) {
  if (result < 0) printf("%s: %s\n", what, strerrorname_np(errno));
  else printf("%s: done\n", what);
  return result;
}

static void described(const char *what, long key) {
  long length = keyctl(KEYCTL_DESCRIBE, key, (long)buffer, sizeof buffer, 0);
  if (length < 0) printf("%s: %s\n", what, strerrorname_np(errno));
  else printf("%s: %ld %s\n", what, length, buffer);
}

static void adding(void) {
  said("no type", add(NULL, "a", "b", 1, KEY_SPEC_THREAD_KEYRING));
  said("empty type", add("", "a", "b", 1, KEY_SPEC_THREAD_KEYRING));
  said("long type", add("0123456789012345678901234567890123", "a", "b", 1, KEY_SPEC_THREAD_KEYRING));
  said("hidden type", add(".user", "a", "b", 1, KEY_SPEC_THREAD_KEYRING));
  said("unknown type", add("nothing", "a", "b", 1, KEY_SPEC_THREAD_KEYRING));
  said("no name", add("user", NULL, "b", 1, KEY_SPEC_THREAD_KEYRING));
  said("empty name", add("user", "", "b", 1, KEY_SPEC_THREAD_KEYRING));
  said("hidden ring", add("keyring", ".a", NULL, 0, KEY_SPEC_THREAD_KEYRING));
  said("no payload", add("user", "a", NULL, 5, KEY_SPEC_THREAD_KEYRING));
  said("empty", add("user", "a", NULL, 0, KEY_SPEC_THREAD_KEYRING));
  said("long", add("user", "a", buffer, 32768, KEY_SPEC_THREAD_KEYRING));
  said("much too long", add("user", "a", buffer, 1 << 20, KEY_SPEC_THREAD_KEYRING));
  said("ring with payload", add("keyring", "a", "b", 1, KEY_SPEC_THREAD_KEYRING));
  said("logon without colon", add("logon", "a", "b", 1, KEY_SPEC_THREAD_KEYRING));
  said("no ring", add("user", "a", "b", 1, 0));
  said("group", add("user", "a", "b", 1, KEY_SPEC_GROUP_KEYRING));
  said("no such ring", add("user", "a", "b", 1, 0x7ffffff0));
  long key = said("added", add("user", "a", "first", 5, KEY_SPEC_THREAD_KEYRING));
  long again = said("again", add("user", "a", "second", 6, KEY_SPEC_THREAD_KEYRING));
  printf("the same %d\n", key == again);
  long revoked = add("user", "r", "first", 5, KEY_SPEC_THREAD_KEYRING);
  said("revoked", keyctl(KEYCTL_REVOKE, revoked, 0, 0, 0));
  long next = said("in its place", add("user", "r", "second", 6, KEY_SPEC_THREAD_KEYRING));
  printf("another %d\n", revoked != next);
  described("in its place", next);
  said("invalidated", keyctl(KEYCTL_INVALIDATE, next, 0, 0, 0));
  said("into a key", add("user", "b", "c", 1, key));
  long length = keyctl(KEYCTL_READ, key, (long)buffer, 3, 0);
  printf("length %ld\n", length);
  length = keyctl(KEYCTL_READ, key, (long)buffer, sizeof buffer, 0);
  printf("read %ld %.*s\n", length, (int)length, buffer);
  described("user", key);
  long logon = said("logon", add("logon", "a:b", "secret", 6, KEY_SPEC_THREAD_KEYRING));
  described("logon", logon);
  said("read logon", keyctl(KEYCTL_READ, logon, (long)buffer, 10, 0));
  said("update", keyctl(KEYCTL_UPDATE, key, (long)"third", 5, 0));
  said("update nothing", keyctl(KEYCTL_UPDATE, key, 0, 0, 0));
  said("update nowhere", keyctl(KEYCTL_UPDATE, key, 8, 5, 0));
  said("update a ring", keyctl(KEYCTL_UPDATE, KEY_SPEC_THREAD_KEYRING, (long)"x", 1, 0));
}

static void rings(void) {
  said("process", keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 0, 0, 0));
  said("process made", keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1, 0, 0));
  described("thread", KEY_SPEC_THREAD_KEYRING);
  described("process", KEY_SPEC_PROCESS_KEYRING);
  described("user", KEY_SPEC_USER_KEYRING);
  described("user session", KEY_SPEC_USER_SESSION_KEYRING);
  described("authority", KEY_SPEC_REQKEY_AUTH_KEY);
  described("0", 0);
  described("-20", -20);
  said("session", keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0));
  described("session", KEY_SPEC_SESSION_KEYRING);
  long named = said("named", keyctl(KEYCTL_JOIN_SESSION_KEYRING, (long)"compared", 0, 0, 0));
  described("named", KEY_SPEC_SESSION_KEYRING);
  said("hidden", keyctl(KEYCTL_JOIN_SESSION_KEYRING, (long)".compared", 0, 0, 0));
  long inner = said("inner", add("keyring", "inner", NULL, 0, KEY_SPEC_SESSION_KEYRING));
  long key = said("in it", add("user", "deep", "x", 1, inner));
  printf("found %d\n", keyctl(KEYCTL_SEARCH, named, (long)"user", (long)"deep", 0) == key);
  printf("asked %d\n", want("user", "deep", NULL, 0) == key);
  said("not there", keyctl(KEYCTL_SEARCH, named, (long)"user", (long)"other", 0));
  said("not asked", want("user", "other", NULL, 0));
  said("in itself", keyctl(KEYCTL_LINK, named, inner, 0, 0));
  said("to itself", keyctl(KEYCTL_LINK, inner, inner, 0, 0));
  said("linked", keyctl(KEYCTL_LINK, key, named, 0, 0));
  long length = keyctl(KEYCTL_READ, named, (long)buffer, sizeof buffer, 0);
  printf("keys %ld\n", length / 4);
  said("unlinked", keyctl(KEYCTL_UNLINK, key, named, 0, 0));
  said("unlinked again", keyctl(KEYCTL_UNLINK, key, named, 0, 0));
  said("from a key", keyctl(KEYCTL_UNLINK, inner, key, 0, 0));
  said("moved", keyctl(KEYCTL_MOVE, key, inner, named, 0));
  said("moved again", keyctl(KEYCTL_MOVE, key, inner, named, 0));
  said("cleared", keyctl(KEYCTL_CLEAR, inner, 0, 0, 0));
  said("a key cleared", keyctl(KEYCTL_CLEAR, key, 0, 0, 0));
}

static void states(void) {
  long key = add("user", "going", "x", 1, KEY_SPEC_THREAD_KEYRING);
  said("rights", keyctl(KEYCTL_SETPERM, key, 0x3f3f0000, 0, 0));
  described("rights", key);
  said("wrong rights", keyctl(KEYCTL_SETPERM, key, 0x40000000, 0, 0));
  said("no change", keyctl(KEYCTL_CHOWN, key, -1, -1, 0));
  said("no view", keyctl(KEYCTL_SETPERM, key, 0x28000000, 0, 0));
  described("no view", key);
  said("back", keyctl(KEYCTL_SETPERM, key, 0x3f010000, 0, 0));
  said("revoked", keyctl(KEYCTL_REVOKE, key, 0, 0, 0));
  said("read", keyctl(KEYCTL_READ, key, (long)buffer, 10, 0));
  said("asked", want("user", "going", NULL, 0));
  described("revoked", key);
  key = add("user", "over", "x", 1, KEY_SPEC_THREAD_KEYRING);
  said("timeout", keyctl(KEYCTL_SET_TIMEOUT, key, 1, 0, 0));
  sleep(2);
  said("read", keyctl(KEYCTL_READ, key, (long)buffer, 10, 0));
  said("linked", keyctl(KEYCTL_LINK, key, KEY_SPEC_SESSION_KEYRING, 0, 0));
  key = add("user", "invalid", "x", 1, KEY_SPEC_THREAD_KEYRING);
  said("invalid", keyctl(KEYCTL_INVALIDATE, key, 0, 0, 0));
  said("read", keyctl(KEYCTL_READ, key, (long)buffer, 10, 0));
  said("authority", keyctl(KEYCTL_INSTANTIATE, key, (long)"x", 1, 0));
  said("none", keyctl(KEYCTL_ASSUME_AUTHORITY, 0, 0, 0, 0));
  said("operation", keyctl(1000, 0, 0, 0, 0));
  printf("default %ld", keyctl(KEYCTL_SET_REQKEY_KEYRING, KEY_REQKEY_DEFL_THREAD_KEYRING, 0, 0, 0));
  printf(" %ld", keyctl(KEYCTL_SET_REQKEY_KEYRING, KEY_REQKEY_DEFL_NO_CHANGE, 0, 0, 0));
  printf(" %ld\n", keyctl(KEYCTL_SET_REQKEY_KEYRING, KEY_REQKEY_DEFL_GROUP_KEYRING, 0, 0, 0));
}

static void children(void) {
  long thread = keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_THREAD_KEYRING, 0, 0, 0);
  long session = keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0, 0, 0);
  fflush(stdout);
  if (fork() == 0) {
    said("thread", keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_THREAD_KEYRING, 0, 0, 0));
    said("process", keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 0, 0, 0));
    printf("session the same %d\n", session == keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0, 0, 0));
    described("not its own", thread);
    keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0);
    exit(0);
  }
  wait(NULL);
  printf("session the same %d\n", session == keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0, 0, 0));
}

int main(void) {
  adding();
  rings();
  states();
  children();
  return 0;
}
