// A program for WASI with nothing but the Zig standard library: arguments, files, directories, an error.

const std = @import("std");
pub fn main(init: std.process.Init) !u8 {
    const io = init.io;
    var buffer: [256]u8 = undefined;
    var w = std.Io.File.stdout().writerStreaming(io, &buffer);
    const out = &w.interface;
    const args = try init.minimal.args.toSlice(init.arena.allocator());
    for (args[1..], 1..) |arg, i| try out.print("arg {d}: {s}\n", .{ i, arg });
    const dir = std.Io.Dir.cwd();
    try dir.createDir(io, "made", .default_dir);
    try dir.writeFile(io, .{ .sub_path = "made/file", .data = "content" });
    var content: [32]u8 = undefined;
    try out.print("read: {s}\n", .{try dir.readFile(io, "made/file", &content)});
    if (dir.openFile(io, "missing", .{})) |_| {} else |e| try out.print("missing: {s}\n", .{@errorName(e)});
    try dir.deleteFile(io, "made/file");
    try dir.deleteDir(io, "made");
    try out.flush();
    return 9;
}
