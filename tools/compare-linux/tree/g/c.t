c.t
