// Print the records of a topic: kafkajs with @kafkajs/confluent-schema-registry.
import { SchemaRegistry } from "@kafkajs/confluent-schema-registry";
import { Kafka, logLevel } from "kafkajs";

const { BOOTSTRAP = "localhost:9092", REGISTRY = "http://localhost:3000/registry" } = process.env;
const { TOPIC = "events", GROUP = "subscriber-sample" } = process.env;

const kafka = new Kafka({ brokers: BOOTSTRAP.split(","), logLevel: logLevel.ERROR });
const registry = new SchemaRegistry({ host: REGISTRY });
const consumer = kafka.consumer({ groupId: GROUP });

await consumer.connect();
await consumer.subscribe({ topics: [TOPIC], fromBeginning: true });
await consumer.run({
  eachMessage: async ({ message }) => {
    if (message.value !== null) console.log(JSON.stringify(await registry.decode(message.value)));
  },
});
