//! A Zig program for Linux: no libc, the standard library makes the system calls itself. It prints through a
//! buffered writer, uses the heap and ends with status 0.

const std = @import("std");

pub fn main(init: std.process.Init) !void {
    var buffer: [256]u8 = undefined;
    var file_writer: std.Io.File.Writer = .init(.stdout(), init.io, &buffer);
    const out = &file_writer.interface;

    try out.print("Hello from Zig!\n", .{});

    // Primes below one hundred, kept in a list that grows.
    var primes: std.ArrayList(u32) = .empty;
    defer primes.deinit(init.gpa);
    var candidate: u32 = 2;
    while (candidate < 100) : (candidate += 1) {
        const is_prime = for (primes.items) |prime| {
            if (candidate % prime == 0) break false;
        } else true;
        if (is_prime) try primes.append(init.gpa, candidate);
    }
    try out.print("{d} primes below 100:", .{primes.items.len});
    for (primes.items) |prime| try out.print(" {d}", .{prime});
    try out.print("\n", .{});
    try out.flush();
}
