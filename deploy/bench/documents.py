"""The documents that are measured."""

DASHBOARD = """
query Dashboard {
  account {
    id number name
    dashboard {
      domains { id name unicodeName state statuses registeredAt expiresAt autoRenew }
      expiringDomains { id name unicodeName state expiresAt autoRenew }
      domainCounts { state count }
      hosting { id label state plan { code name } nextDueAt price { amount currency } }
      hostingDue { id label state nextDueAt price { amount currency } }
      invoices {
        id kind number state issuedOn dueOn
        net { amount currency } vat { amount currency } gross { amount currency } due { amount currency }
      }
      balance { outstanding { amount currency } overdue { amount currency } credit { amount currency } }
      tickets { id number subject state priority openedAt updatedAt }
      warnings
    }
  }
}
"""

DOMAIN_PAGE = """
query Domains {
  account {
    dashboard { domainCounts { state count } }
    domains(first: 20, sort: { field: NAME }) {
      nodes {
        id name unicodeName state expiresAt renewalPrice { amount currency }
        zone { version recordSets(first: 20) { nodes { name type ttl records } } }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""
