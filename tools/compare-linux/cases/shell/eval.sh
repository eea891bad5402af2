x='echo evaluated'; eval "$x twice"; eval 'y=5'; echo $y
