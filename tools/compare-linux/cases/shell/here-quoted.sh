cat <<'END'
$HOME `x` \n
END
