cat <<END
plain $((1 + 2)) $HOME
END
