// SPDX-License-Identifier: MIT

/** What a container id and an exec id look like: it is also the name of files and directories. */
export const ID_PATTERN = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,75}$/;

/** The same for people. */
export const ID_RULE =
  "must be 1 to 76 letters, digits, '_', '.' or '-', with a letter or digit first";
