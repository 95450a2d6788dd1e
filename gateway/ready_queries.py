"""The queries that GraphiQL opens with, one a tab; a test runs each against the schema."""

TABS: list[dict[str, str]] = [
    {
        "query": """# The front page: each part is one service's; a part you may not see is null with an error.
query Dashboard {
  account {
    number
    name
    dashboard {
      domains { unicodeName state expiresAt }
      expiringDomains { unicodeName expiresAt renewalPrice { amount currency } }
      domainCounts { state count }
      hosting { label state plan { name } nextDueAt }
      hostingDue { label nextDueAt price { amount currency } }
      invoices { id kind number dueOn due { amount currency } state }
      balance { outstanding { amount currency } overdue { amount currency } credit { amount currency } }
      tickets { number subject state updatedAt }
      warnings
    }
  }
}
""",
    },
    {
        "query": """# A page of domains; the next one: put pageInfo.endCursor into "after" below.
query Domains($after: String) {
  account {
    domains(first: 20, after: $after, sort: { field: EXPIRES_AT }) {
      nodes {
        id
        unicodeName
        state
        expiresAt
        autoRenew
        renewalPrice { amount currency }
        zone { version recordSets(first: 20) { nodes { name type ttl records } } }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
}
""",
        "variables": '{ "after": null }',
    },
    {
        "query": """# Orders names: one that is taken is a userError, the others go on. The same key never orders twice.
mutation Register($input: RegisterDomainsInput!) {
  registerDomains(input: $input) {
    order {
      id
      items { name operation { id state steps { name state } } }
    }
    userErrors { code field message }
  }
}
""",
        "variables": '{ "input": { "names": ["portico-proba.hu", "minta.hu"], "idempotencyKey": "register-0001" } }',
    },
    {
        "query": """# First: the open invoices and their ids. Then pay one from credit with Pay (choose it at the play button).
query OpenInvoices {
  account {
    invoices(filter: { states: [OPEN, OVERDUE, PARTIALLY_PAID] }, first: 10) {
      nodes { id kind number state dueOn due { amount currency } }
    }
    balance { credit { amount currency } }
  }
}

mutation Pay($input: PayInvoicesInput = { invoiceIds: [], idempotencyKey: "pay-00000001" }) {
  payInvoices(input: $input) {
    invoices { kind number state paidAt gross { amount currency } }
    balance { credit { amount currency } }
    userErrors { code field message }
  }
}
""",
        "variables": '{ "input": { "invoiceIds": ["<the id of an open invoice>"], "idempotencyKey": "pay-00000001" } }',
    },
    {
        "query": """# Who did what, when, and from where; the newest first.
query EventLog {
  account {
    eventLog(first: 20) {
      nodes { occurredAt text action actor { kind label ip } subjectType subjectLabel before after }
      pageInfo { hasNextPage endCursor }
    }
  }
}
""",
    },
]
