// The page: a view of the machine behind this server.

import { SocketConnection } from "./socket-connection.ts";
import { MachineView } from "./view.ts";

const root = document.getElementById("machine");
if (root === null) throw new Error("the page has no element #machine");
const url = new URL("machine", document.baseURI);
url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
const view = new MachineView(root, new SocketConnection(url.href));
Object.assign(window, { machineView: view });
