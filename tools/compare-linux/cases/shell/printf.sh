printf '%s-%d-%x-%o-%c|%5s|%-5s|%05d\n' str 10 255 8 xyz ab cd 42
