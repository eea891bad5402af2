b.t
