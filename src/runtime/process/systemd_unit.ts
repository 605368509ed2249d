// SPDX-License-Identifier: MIT

/**
 * Returns the systemd unit of the daemon (systemd.service(5), systemd.kill(5),
 * systemd.resource-control(5)): only the daemon is stopped, shims and containers go on; containers'
 * cgroups are berth's to make.
 *
 * @param command Path of the berth executable.
 * @param args The arguments after `daemon`.
 */
export function systemdUnit(command: string, args: readonly string[] = []): string {
  const line = [command, "daemon", ...args].map(quote).join(" ");
  const stop = [command, "shutdown", ...socketOf(args), "--if-system-stopping"].map(quote).join(
    " ",
  );
  return `[Unit]
Description=berth container runtime daemon
# systemd's bus: containers that it makes scopes for are stopped while it is still there.
After=network.target local-fs.target dbus.service

[Service]
Type=notify
ExecStart=${line}
ExecReload=/bin/kill -HUP $MAINPID
# Before a reboot containers are stopped, each with its own time; a restart of the daemon leaves them.
ExecStop=${stop}
Restart=on-failure
RestartSec=1
# Only the daemon: its shims and containers outlive it, and the next one finds them again.
KillMode=process
# A slow machine unpacks the file at its first start, and a start looks at every container; one that
# hangs is ended and tried again.
TimeoutStartSec=15min
TimeoutStopSec=120
# berth makes its containers' cgroups itself.
Delegate=yes
# When memory runs out: containers first, then shims (-998), the daemon last.
OOMScoreAdjust=-999
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity

[Install]
WantedBy=multi-user.target
`;
}

/**
 * Returns the flag that finds the daemon by its socket, if it listens elsewhere than by default.
 */
function socketOf(args: readonly string[]): string[] {
  const value = (flag: string) => args[args.indexOf(flag) + 1];
  if (args.includes("--socket")) return ["--socket", value("--socket") ?? ""];
  return args.includes("--state") ? ["--socket", `${value("--state")}/berth.sock`] : [];
}

/** Quotes a word of a command line, in which systemd expands `%` and `$` (systemd.service(5)). */
function quote(word: string): string {
  const escaped = word.replaceAll("%", "%%").replaceAll("$", "$$$$");
  return /^[\w@%+=:,./$-]+$/.test(escaped)
    ? escaped
    : `"${escaped.replaceAll(/["\\]/g, (character) => `\\${character}`)}"`;
}
