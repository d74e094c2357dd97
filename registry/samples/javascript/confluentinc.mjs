// Print the records of a topic: kafkajs to read, @confluentinc/schemaregistry to decode.
import { AvroDeserializer, SchemaRegistryClient, SerdeType } from "@confluentinc/schemaregistry";
import { Kafka, logLevel } from "kafkajs";

const { BOOTSTRAP = "localhost:9092", REGISTRY = "http://localhost:3000/registry" } = process.env;
const { TOPIC = "events", GROUP = "subscriber-sample" } = process.env;

const kafka = new Kafka({ brokers: BOOTSTRAP.split(","), logLevel: logLevel.ERROR });
const registry = new SchemaRegistryClient({ baseURLs: [REGISTRY] });
const deserializer = new AvroDeserializer(registry, SerdeType.VALUE, {});
const consumer = kafka.consumer({ groupId: GROUP });

await consumer.connect();
await consumer.subscribe({ topics: [TOPIC], fromBeginning: true });
await consumer.run({
  eachMessage: async ({ topic, message }) => {
    if (message.value !== null) console.log(JSON.stringify(await deserializer.deserialize(topic, message.value)));
  },
});
