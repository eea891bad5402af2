type cd; type nosuch; command -v sh; unalias x 2>/dev/null || echo none
