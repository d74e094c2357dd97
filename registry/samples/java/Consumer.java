// Print the records of a topic: kafka-clients and Apache Avro, with schemas from the registry by id.
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

public class Consumer {
  static final String REGISTRY = env("REGISTRY", "http://localhost:3000/registry");
  static final HttpClient http = HttpClient.newHttpClient();
  static final Map<Integer, Schema> schemas = new HashMap<>();

  public static void main(String[] arguments) throws Exception {
    var settings = new Properties();
    settings.put("bootstrap.servers", env("BOOTSTRAP", "localhost:9092"));
    settings.put("group.id", env("GROUP", "subscriber-sample"));
    settings.put("auto.offset.reset", "earliest");
    try (var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      consumer.subscribe(List.of(env("TOPIC", "events")));
      while (true) {
        for (var message : consumer.poll(Duration.ofSeconds(1))) {
          if (message.value() != null) System.out.println(decode(message.value()));
        }
      }
    }
  }

  /** Confluent wire format: a zero byte, four bytes of schema id, the Avro body. */
  static GenericRecord decode(byte[] value) throws Exception {
    var schema = schema(ByteBuffer.wrap(value, 1, 4).getInt());
    var body = DecoderFactory.get().binaryDecoder(value, 5, value.length - 5, null);
    return new GenericDatumReader<GenericRecord>(schema).read(null, body);
  }

  static Schema schema(int id) throws Exception {
    if (!schemas.containsKey(id)) {
      var request = HttpRequest.newBuilder(URI.create(REGISTRY + "/schemas/ids/" + id + "/schema")).build();
      var text = http.send(request, HttpResponse.BodyHandlers.ofString()).body();
      schemas.put(id, new Schema.Parser().parse(text));
    }
    return schemas.get(id);
  }

  static String env(String name, String otherwise) {
    return System.getenv().getOrDefault(name, otherwise);
  }
}
