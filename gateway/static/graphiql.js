// Starts GraphiQL: requests by fetch, subscriptions by graphql-transport-ws, both with this site's session or the
// Authorization header of the headers pane.
"use strict";
(() => {
  const root = document.getElementById("graphiql");
  const tabs = JSON.parse(root.dataset.tabs);
  const token = "token" in root.dataset;
  const address = location.origin.replace(/^http/, "ws") + "/graphql";

  async function post(params, headers) {
    const response = await fetch("/graphql", {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/graphql-response+json", ...headers },
      body: JSON.stringify(params),
    });
    return response.json();
  }

  async function* subscribe(params, headers) {
    const waiting = [];
    let wake = () => {};
    const put = (item) => { waiting.push(item); wake(); };
    const socket = new WebSocket(address, "graphql-transport-ws");
    const name = Object.keys(headers).find((key) => key.toLowerCase() === "authorization");
    socket.onopen = () => socket.send(JSON.stringify({
      type: "connection_init", payload: name ? { Authorization: headers[name] } : {},
    }));
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === "connection_ack") socket.send(JSON.stringify({ type: "subscribe", id: "1", payload: params }));
      else if (message.type === "ping") socket.send(JSON.stringify({ type: "pong" }));
      else if (message.type === "next") put({ value: message.payload });
      else if (message.type === "error") put({ value: { errors: message.payload }, last: true });
      else if (message.type === "complete") put({ last: true });
    };
    socket.onclose = ({ code, reason }) => put(
      code === 1000 ? { last: true } : { value: { errors: [{ message: `${code} ${reason}` }] }, last: true });
    try {
      for (;;) {
        while (!waiting.length) await new Promise((resolve) => { wake = resolve; });
        const item = waiting.shift();
        if (item.value) yield item.value;
        if (item.last) return;
      }
    } finally {
      socket.onclose = null;
      socket.close();
    }
  }

  function isSubscription(params, document) {
    const operations = (document ? document.definitions : []).filter((d) => d.kind === "OperationDefinition");
    const chosen = params.operationName
      ? operations.find((d) => d.name && d.name.value === params.operationName) : operations[0];
    return Boolean(chosen) && chosen.operation === "subscription";
  }

  const fetcher = (params, options) => {
    const given = Object.entries((options && options.headers) || {});
    // A token not filled in yet is no token: the schema is shown without one.
    const headers = Object.fromEntries(given.filter(([, value]) => !/^Bearer\s*$/.test(value)));
    return isSubscription(params, options && options.documentAST) ? subscribe(params, headers) : post(params, headers);
  };

  ReactDOM.createRoot(root).render(React.createElement(GraphiQL, {
    fetcher,
    defaultTabs: tabs,
    defaultHeaders: token ? '{ "Authorization": "Bearer " }' : undefined,
    defaultEditorToolsVisibility: token ? "headers" : true,
    shouldPersistHeaders: false,
  }));
})();
