// Code generated from openapi/delivery.yaml. DO NOT EDIT.

package deliveryclient

// Version is that of the contract that this client is made from.
const Version = "0.2.0"
