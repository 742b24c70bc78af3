/** How a client's configuration file is read, by its name and place. */
import { basename, dirname } from "node:path"
import { codexClientFile } from "./codexClientFile.ts"
import { jsonClientFile } from "./jsonClientFile.ts"
import type { ClientFile } from "./RemoteServers.ts"

/** Cursor and VS Code write `${env:NAME}`, the others `${NAME}`. */
export const clientFileFor = (file: string): ClientFile => {
  if (file.endsWith(".toml")) return codexClientFile
  const editor = [".cursor", ".vscode", "User"].includes(basename(dirname(file)))
  return jsonClientFile(editor ? (name) => `\${env:${name}}` : (name) => `\${${name}}`)
}
