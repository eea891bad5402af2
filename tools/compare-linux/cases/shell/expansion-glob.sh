echo g/* ; echo g/a?; echo g/[bc].t; echo g/none*; set -f; echo g/*
