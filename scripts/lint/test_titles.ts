// SPDX-License-Identifier: MIT
//
// A rule for `deno lint`: the title of a test begins with what the test is about, so that
// `--filter` and a list of failures find it.

/** Returns whether `title` begins with the name of its file or folder, however spelled. */
function beginsWithFile(title: string, filename: string): boolean {
  const [, folder = "", file = ""] = filename.match(/(?:([^/]+)\/)?([^/]+)_test\.ts$/) ?? [];
  return [folder, file].some((name) =>
    name !== "" && new RegExp(`^${name.replaceAll("_", "[ _]?")}\\b`, "i").test(title)
  );
}

/** Returns whether `title` begins with a command, a method or a member, such as `Journal.append`. */
function beginsWithCommand(title: string): boolean {
  return /^berth\b|^[a-z]+\.[a-z]\w+|^[A-Z]\w+\.[a-z]\w+/.test(title);
}

/** Returns the names that a file imports from other files of the repository. */
function importedNames(program: Deno.lint.Program): Set<string> {
  return new Set(
    program.body.flatMap((statement) =>
      statement.type === "ImportDeclaration" && statement.source.value.startsWith(".")
        ? statement.specifiers.map(({ local }) => local.name)
        : []
    ),
  );
}

/** Returns the text with which the title in `argument` begins; undefined if it is not written out. */
function titleOf(argument: Deno.lint.Node | undefined): string | undefined {
  switch (argument?.type) {
    case "Literal":
      return typeof argument.value === "string" ? argument.value : undefined;
    case "TemplateLiteral":
      return argument.quasis[0]?.cooked;
    case "BinaryExpression":
      return titleOf(argument.left);
    case "FunctionExpression":
      return argument.id?.name;
    case "ObjectExpression":
      for (const property of argument.properties) {
        if (property.type !== "Property" || property.key.type !== "Identifier") continue;
        if (property.key.name === "name") return titleOf(property.value);
      }
  }
  return undefined;
}

const plugin: Deno.lint.Plugin = {
  name: "berth",
  rules: {
    "test-title": {
      create(context) {
        if (!context.filename.endsWith("_test.ts")) return {};
        let imported: Set<string> = new Set();
        const check = (node: Deno.lint.CallExpression, at = 0) => {
          const title = titleOf(node.arguments[at]);
          if (title === undefined) return;
          const [name = ""] = title.match(/^[\w$]+/) ?? [];
          if (imported.has(name) || beginsWithCommand(title)) return;
          if (beginsWithFile(title, context.filename)) return;
          context.report({
            node,
            message: "The title of a test begins with what the test is about",
            hint: "Begin with a name that the file imports, `berth` and a verb, a method such as " +
              '`container.create`, or the name of the file or folder: "journal: a torn line is cut off"',
          });
        };
        return {
          Program: (node) => {
            imported = importedNames(node);
          },
          // A wrapper of a test file's own takes the title and the test.
          'CallExpression[callee.name="test"][arguments.length>1]': (node) => check(node),
          'CallExpression[callee.object.name="Deno"][callee.property.name="test"]': (node) =>
            check(node),
          'CallExpression[callee.object.object.name="Deno"][callee.object.property.name="test"]': (
            node,
          ) => check(node),
          'CallExpression[callee.property.name="step"]': (node) => check(node),
          "CallExpression[callee.name=/^(imageTest|networkTest|test(Not)?Compiled|testWithCriu)$/]":
            (
              node,
            ) => check(node),
          // Its first argument is what the test needs.
          'CallExpression[callee.name="testNeeding"]': (node) => check(node, 1),
        };
      },
    },
  },
};

export default plugin;
