// SPDX-License-Identifier: MIT
import ts from "typescript";

/**
 * Guards every `using` of a module's text against esbuild's minifier. That puts a value that is used
 * once, right behind its declaration, in the place of the use, and forgets to dispose of it. It looks
 * at the last variable of a declaration only: so each gets one more, `null`, which is nothing to
 * dispose of.
 */
export function keepUsing(text: string): string {
  const ends: number[] = [];
  const visit = (node: ts.Node): void => {
    // AwaitUsing includes this flag. The variable of a loop cannot have another beside it.
    if (
      ts.isVariableStatement(node) && (node.declarationList.flags & ts.NodeFlags.Using) !== 0
    ) ends.push(node.declarationList.end);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile("module.js", text, ts.ScriptTarget.Latest));
  let kept = "";
  let from = 0;
  for (const [index, end] of ends.sort((a, b) => a - b).entries()) {
    kept += `${text.slice(from, end)}, _kept${index} = null`;
    from = end;
  }
  return kept + text.slice(from);
}
