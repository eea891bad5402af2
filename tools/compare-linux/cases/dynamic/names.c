// Names of hosts, services and protocols out of the files in /etc (getaddrinfo(3), getservbyname(3)).
#include "say.h"
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
static void resolve(const char *host, const char *service, int family, int flags) {
  struct addrinfo hints = {flags, family, SOCK_STREAM}, *all = 0;
  int error = getaddrinfo(host, service, &hints, &all);
  printf("%s %s %d %d: %s\n", host ? host : "-", service ? service : "-", family, flags, error ? gai_strerror(error) : "found");
  for (struct addrinfo *a = all; a; a = a->ai_next) {
    char text[64], port[16];
    getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    printf("  family %d %s port %s protocol %d\n", a->ai_family, text, port, a->ai_protocol);
  }
  if (all) freeaddrinfo(all);
}
int main(void) {
  resolve("localhost", "80", AF_INET, 0), resolve("localhost", "http", AF_INET, 0), resolve("localhost", 0, AF_INET6, 0), resolve("127.1", "https", AF_UNSPEC, AI_NUMERICHOST), resolve("::1", "7", AF_UNSPEC, 0), resolve(0, "80", AF_INET, AI_PASSIVE), resolve(0, "80", AF_INET, 0), resolve("localhost", "no-such-service", AF_INET, 0), resolve("no.such.host", 0, AF_INET, 0), resolve("name", 0, AF_INET, AI_NUMERICHOST);
  struct servent *s = getservbyname("domain", "udp");
  printf("%s %d %s\n", s ? s->s_name : "none", s ? ntohs(s->s_port) : 0, s ? s->s_proto : "");
  s = getservbyport(htons(22), "tcp"), printf("%s\n", s ? s->s_name : "none");
  struct protoent *p = getprotobyname("tcp");
  printf("%s %d\n", p ? p->p_name : "none", p ? p->p_proto : 0);
  struct hostent *h = gethostbyname("localhost");
  printf("%s %s\n", h ? h->h_name : "none", h ? inet_ntoa(*(struct in_addr *)h->h_addr) : "");
  char host[64], service[64];
  struct sockaddr_in a = {AF_INET, htons(80), {htonl(INADDR_LOOPBACK)}};
  SAY(getnameinfo((void *)&a, sizeof a, host, sizeof host, service, sizeof service, 0)), printf("%s %s\n", host, service);
  return 0;
}
