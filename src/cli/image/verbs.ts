// SPDX-License-Identifier: MIT
import type { FolderVerbs } from "../common/command.ts";
import { pullCommand } from "./pull.ts";
import { imagesCommand } from "./ls.ts";
import { rmiCommand } from "./rm.ts";
import { importCommand, loadCommand } from "./load.ts";
import { imageCommand } from "./index.ts";

/** The verbs of this folder by name. */
export const verbs: FolderVerbs<"image"> = {
  pull: pullCommand,
  images: () => imagesCommand("images"),
  rmi: () => rmiCommand("rmi"),
  load: loadCommand,
  import: importCommand,
  image: imageCommand,
};
