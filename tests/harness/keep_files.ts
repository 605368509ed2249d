// SPDX-License-Identifier: MIT

/** Set to 1, what tests make on disk stays after them, and the run says where it is. */
export const KEEP_VARIABLE = "BERTH_TEST_KEEP";

/** Whether the files of tests are to stay, to be looked at. */
export function keepsFiles(): boolean {
  return Deno.env.get(KEEP_VARIABLE) === "1";
}
