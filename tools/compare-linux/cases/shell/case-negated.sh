case q in [!a-m]*) echo late ;; *) echo early ;; esac
