make() { echo x; echo y; }
take() { while read v; do echo got $v; done; }
make | take
