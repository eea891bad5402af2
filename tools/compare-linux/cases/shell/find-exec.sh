find data -name 'f*' -exec echo found {} \;
