// What a user network is like: QEMU's -netdev user. Addresses are numbers of 32 bits.

/** A port of the host that leads to one of the guest. */
export interface Forward {
  protocol: "tcp" | "udp";
  /** Address of the host that is listened on. */
  host: string;
  port: number;
  /** The first address that DHCP gives unless it is said. */
  guest?: number;
  guestPort: number;
}

export interface UserNetworkOptions {
  network: number;
  /** Addresses of the network, a power of two. */
  size: number;
  gateway: number;
  dns: number;
  dhcpStart: number;
  /** What DHCP calls the guest, and its domain. */
  hostname?: string | undefined;
  domainName?: string | undefined;
  /** What DHCP says is to be booted, from the gateway by TFTP. */
  bootFile?: string | undefined;
  tftpServerName?: string | undefined;
  /** Nothing of the outside can be reached, but by forwards. */
  isRestricted: boolean;
  /** The gateway's address stands for the host's loopback interface. */
  hasLoopback: boolean;
  forwards: readonly Forward[];
}

/** 10.0.2.0/24 with the gateway at .2, DNS at .3 and guests from .15 on. */
export const DEFAULT_NETWORK: UserNetworkOptions = {
  network: 0x0a00_0200,
  size: 256,
  gateway: 0x0a00_0202,
  dns: 0x0a00_0203,
  dhcpStart: 0x0a00_020f,
  isRestricted: false,
  hasLoopback: false,
  forwards: [],
};
