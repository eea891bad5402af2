perl -MIO::Socket::INET -e '
  my $listener = IO::Socket::INET->new(LocalAddr => "127.0.0.1", Listen => 5, ReuseAddr => 1) or die "listen: $!";
  my $port = $listener->sockport;
  my $child = fork;
  if (!$child) {
    for (1 .. 2) {
      my $client = $listener->accept or die "accept: $!";
      while (my $line = <$client>) { print $client uc $line; }
    }
    exit 3;
  }
  for my $word ("one", "two") {
    my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $port) or die "connect: $!";
    print $socket "$word\nmore\n";
    $socket->shutdown(1);
    print while <$socket>;
    print $socket->peerhost, " ", $socket->peerport == $port, "\n";
  }
  waitpid $child, 0;
  print $? >> 8, "\n";
  my $a = IO::Socket::INET->new(Proto => "udp", LocalAddr => "127.0.0.1") or die;
  my $b = IO::Socket::INET->new(Proto => "udp", PeerAddr => "127.0.0.1", PeerPort => $a->sockport) or die;
  $b->send("datagram");
  $a->recv(my $text, 99);
  print "$text\n";'
