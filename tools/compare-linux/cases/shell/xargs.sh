printf 'a b\nc\n' | xargs -n 1 echo item
