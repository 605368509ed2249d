// SPDX-License-Identifier: MIT
// The form of ids.

/** The length of the longest id, in characters. */
export const MAX_ID = 76;

/** Form of container ids and exec process ids. They are also names of files and directories. */
export const ID_PATTERN = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,75}$/;

/** Description of {@linkcode ID_PATTERN} for error messages. */
export const ID_RULE =
  "must be 1 to 76 letters, digits, '_', '.' or '-', with a letter or digit first";
