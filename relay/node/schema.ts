/** Of the tables; what is in them has a version of its own (`meta` of a room). */
export const schemaVersion = 1
