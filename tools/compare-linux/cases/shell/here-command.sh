cat <<END
$(echo inner; echo lines)
END
