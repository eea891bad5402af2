x=1; ( x=2; cd data; pwd; echo $x ); pwd; echo $x
