/** Preloaded into a process under test: when its parent is gone, so is it, as by SIGKILL. */
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"))
process.channel?.unref()
