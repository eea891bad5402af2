trap 'echo x' INT
trap
