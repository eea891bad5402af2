// Packets whose heads, lengths, options, checksums and quotations are wrong, by all who can send them: what there is of a
// network answers an echo afterwards as before.
#include "lo.h"
#include <linux/if_packet.h>
static unsigned seed = 1;
static unsigned draw(unsigned n) {
  seed = seed * 1103515245 + 12345;
  return (seed >> 16) % n;
}
int main(void) {
  own_network();
  int x = socket(AF_INET, SOCK_RAW, IPPROTO_RAW), s = socket(AF_INET6, SOCK_RAW, IPPROTO_RAW), p = socket(AF_PACKET, SOCK_DGRAM, 0), i = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), i6 = socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6), u = socket(AF_INET, SOCK_DGRAM, 0), r = socket(AF_INET, SOCK_RAW, IPPROTO_UDP);
  In a = at("127.0.0.1", 0);
  In6 a6 = at6("::1", 0);
  struct sockaddr_ll l = {AF_PACKET, htons(0x86dd), 1, .sll_halen = 6};
  unsigned char b[256];
  bind(u, (void *)&a, sizeof a), setsockopt(u, IPPROTO_IP, IP_RECVERR, &on_, 4), setsockopt(r, IPPROTO_IP, IP_RECVERR, &on_, 4);
  for (int n = 0; n < 4000; n++) {
    int six = draw(2), length = draw(200), at_ = six ? 40 : 20;
    for (int k = 0; k < 256; k++) b[k] = draw(4) ? draw(256) : 0;
    if (draw(8)) {
      if (six) b[0] = 0x60, memset(b + 8, 0, 32), b[23] = b[39] = 1, b[4] = 0, b[5] = draw(4) ? length - 40 : draw(256), b[6] = (unsigned char[]){58, 17, 6, 0, 43, 60, 44, 59}[draw(8)];
      else b[0] = draw(3) ? 0x45 : 0x40 + draw(16), b[6] = draw(4) ? 0 : draw(256), b[7] = 0, b[9] = (unsigned char[]){1, 17, 6, 253}[draw(4)], memcpy(b + 12, (unsigned char[]){127, 0, 0, 1, 127, 0, 0, 1}, 8), at_ = (b[0] & 15) * 4;
      // Errors that quote what was never sent, and datagrams of any length.
      if (draw(2)) b[at_] = six ? 1 + draw(4) : (unsigned char[]){3, 11, 12, 8}[draw(4)], memcpy(b + at_ + 8, b, 40);
      unsigned short c;
      b[at_ + 2] = b[at_ + 3] = 0;
      if (!six && length > at_ && (c = sum(b + at_, length - at_))) memcpy(b + at_ + 2, &c, 2);
    }
    if (!six) sendto(x, b, length, MSG_DONTWAIT, (void *)&a, sizeof a);
    else if (draw(2)) sendto(s, b, length, MSG_DONTWAIT, (void *)&a6, sizeof a6);
    else sendto(p, b, length, MSG_DONTWAIT, (void *)&l, sizeof l);
    sendto(i, b, draw(100), MSG_DONTWAIT, (void *)&a, sizeof a), sendto(i6, b, draw(100), MSG_DONTWAIT, (void *)&a6, sizeof a6);
    while (recv(i, buffer, 999, MSG_DONTWAIT) >= 0) {}
    while (recv(i6, buffer, 999, MSG_DONTWAIT) >= 0) {}
    while (recv(u, buffer, 999, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0) {}
    while (recv(r, buffer, 999, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0) {}
    recv(u, buffer, 999, MSG_DONTWAIT), recv(r, buffer, 999, MSG_DONTWAIT), recv(r, buffer, 999, MSG_DONTWAIT);
  }
  unsigned char echo[8] = {8, 0, 0xf7, 0xff};
  int e = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
  SAY(sendto(e, echo, 8, 0, (void *)&a, sizeof a)), SAY(recv(e, buffer, 99, MSG_DONTWAIT)), SAY(recv(e, buffer, 99, MSG_DONTWAIT)), SAY(buffer[20]);
  return 0;
}
