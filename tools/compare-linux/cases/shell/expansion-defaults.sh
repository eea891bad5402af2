unset u; e=; echo ${u-a} ${u:-b} [${e-c}] ${e:-d} ${u:=f} $u ${e:+g} ${u:+h}
