// SPDX-License-Identifier: MIT

/** Path of the daemon's socket, unless the config or a client names another. */
export const DEFAULT_SOCKET = "/run/berth/berth.sock";
