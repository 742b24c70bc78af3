/**
 * Files, paths and child processes of this host. Unlike Node's whole set of services, nothing here reads or listens to
 * standard input: that is the embedding program's own, and each terminal of that set is one more listener on it.
 */
import { NodeChildProcessSpawner, NodeFileSystem, NodePath } from "@effect/platform-node"
import { Layer } from "effect"

export const layer = Layer.provideMerge(
  NodeChildProcessSpawner.layer,
  Layer.merge(NodeFileSystem.layer, NodePath.layer)
)
